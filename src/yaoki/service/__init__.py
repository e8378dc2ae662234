"""Service: what every running service shares, from its configuration to its exit code.

    settings = load(Settings, section="chat", options=options)            # configuration: file, environment, options
    place = data_directory("chat", settings.data)                         # data_directory, and one Instance in it
    setup_logs()                                                          # logs
    app.include_router(router(probes, collector))                         # endpoints
    leave(serve(app, port=settings.port, shutdown=shutdown))              # serving

Each name is imported from the module that stands beside it, so importing this package costs nothing.
"""
