"""The Kubernetes manifests are valid, and fit the services that they start (SPEC G1, H2, H4, X5)."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import httpx
import kubernetes_validate
import pytest
import yaml

from tests.deploy.command_line import parse
from tests.deploy.manifests import (
    DEPLOYMENTS,
    FILES,
    FOLDER,
    RESOURCES,
    ROOT,
    SERVICES,
    SETTINGS,
    container_of,
    of_kind,
    pod_of,
)
from yaoki import __version__
from yaoki.core.shutdown import Shutdown
from yaoki.service.configuration import load
from yaoki.service.guard import foreign
from yaoki.systems.chat.configuration import ChatConfiguration
from yaoki.systems.chat.llm.process import create_app

PORTS = {"yaoki-chat": "port", "yaoki-chat-vector": "vector_port", "yaoki-chat-llm": "llm_port"}


def settings_of(name: str) -> ChatConfiguration:
    """What the process of this Deployment runs with."""
    given = {each["name"]: each.get("value", "x") for each in container_of(name).get("env", ())}
    return load(ChatConfiguration, section="chat", environ={**SETTINGS, **given})


async def not_there(paths: set[str]) -> list[str]:
    """Those that the services do not answer."""
    app = create_app(ChatConfiguration(), Shutdown())
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        return [path for path in sorted(paths) if (await client.get(path)).status_code == 404]


def names(resource: dict[str, Any]) -> str:
    return f"{resource['kind']}-{resource['metadata']['name']}"


@pytest.mark.parametrize("version", ["1.31", kubernetes_validate.latest_version()])
@pytest.mark.parametrize("resource", RESOURCES, ids=names)
def test_a_resource_is_valid(resource: dict[str, Any], version: str) -> None:
    """Every field is one of Kubernetes's own, by its published schemas."""
    kubernetes_validate.validate(resource, version, strict=True)


def test_every_file_is_applied() -> None:
    """`kubectl apply --kustomize` takes all there is."""
    kustomization = yaml.safe_load((FOLDER / "kustomization.yaml").read_text("utf-8"))

    assert sorted(kustomization["resources"]) == [file.name for file in FILES]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_what_a_pod_starts_is_a_command(name: str) -> None:
    """The arguments are a command of `yaoki`, with settings that it knows."""
    parse(container_of(name)["args"])
    settings_of(name)


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_ports_agree(name: str) -> None:
    """The process listens, on every address of the pod, where the container, the Service and the scrape look for it."""
    settings, container, service = settings_of(name), container_of(name), SERVICES[name]
    port: int = getattr(settings, PORTS[name])
    scrape = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]

    assert settings.host == "0.0.0.0"
    assert container["ports"] == [{"name": "http", "containerPort": port}]
    assert service["spec"]["ports"] == [{"name": "http", "port": port, "targetPort": "http"}]
    assert service["spec"]["selector"] == DEPLOYMENTS[name]["spec"]["template"]["metadata"]["labels"]
    assert scrape["prometheus.io/port"] == str(port)


@pytest.mark.parametrize("url", ["vector_url", "llm_url"])
def test_the_chat_asks_the_other_services_by_a_name_that_they_take(url: str) -> None:
    """The address is that of a Service, and a request for it is none of a foreign page."""
    settings = settings_of("yaoki-chat")
    parts = urlsplit(getattr(settings, url))

    assert parts.hostname in SERVICES
    assert parts.port == SERVICES[parts.hostname]["spec"]["ports"][0]["port"]
    assert foreign({"host": parts.netloc}, "http", settings.hosts) is None


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_probes_ask_what_there_is(name: str) -> None:
    """SPEC H2: startup, liveness and readiness ask their own endpoint, at the port by its name."""
    container = container_of(name)
    paths = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}

    assert paths == {
        "startup": {"path": "/startupz", "port": "http"},
        "liveness": {"path": "/livez", "port": "http"},
        "readiness": {"path": "/readyz", "port": "http"},
    }
    scrape = DEPLOYMENTS[name]["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    asked = {*(each["path"] for each in paths.values()), scrape}

    assert asyncio.run(not_there(asked)) == []


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_has_time_to_end(name: str) -> None:
    """SPEC H4: the balancer gets 5 s and notices in that time; the pod is not killed before its drain is over."""
    settings, pod = settings_of(name), pod_of(name)
    readiness = pod["containers"][0]["readinessProbe"]

    assert settings.balancer_wait == 5.0
    assert readiness["periodSeconds"] * readiness["failureThreshold"] < settings.balancer_wait
    assert pod["terminationGracePeriodSeconds"] > settings.balancer_wait + settings.drain_timeout + Shutdown().close_timeout


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_no_variable_comes_from_a_service(name: str) -> None:
    """Kubernetes would set YAOKI_CHAT_PORT to an address, since a Service is called yaoki-chat."""
    assert pod_of(name)["enableServiceLinks"] is False


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_pod_may_do_little(name: str) -> None:
    """SPEC X5: no root, no capability, nothing written but to volumes, no account of the cluster, bounds on memory."""
    pod, container = pod_of(name), container_of(name)

    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]
    assert set(container["resources"]["requests"]) == {"cpu", "memory"}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_secret_is_only_referred_to(name: str) -> None:
    """SPEC X5: no manifest holds a secret; the token is a file, and a key comes from the Secret."""
    of_pod = {each["name"]: each for each in container_of(name).get("env", ())}
    mounts = {each["name"]: each["mountPath"] for each in container_of(name)["volumeMounts"]}

    assert [
        each for each in (*SETTINGS, *of_pod) if each.endswith(("_TOKEN", "_KEY")) and "value" in of_pod.get(each, {})
    ] == []
    if name != "yaoki-chat-llm":
        assert of_pod["YAOKI_CHAT_TOKEN_FILE"]["value"] == f"{mounts['token']}/token"
    assert of_kind("Secret") == {}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_pod_runs_this_version(name: str) -> None:
    """The image is named with the version of the project, never `latest`."""
    assert container_of(name)["image"] == f"yaoki:{__version__}"


@pytest.mark.parametrize("name", [name for name, each in DEPLOYMENTS.items() if each["spec"]["replicas"] > 1])
def test_a_node_that_is_emptied_takes_one_pod_at_a_time(name: str) -> None:
    """Whatever runs more than once has a budget, and an update that takes none away before another is ready."""
    budget = of_kind("PodDisruptionBudget")[name]["spec"]

    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == DEPLOYMENTS[name]["spec"]["selector"]
    assert DEPLOYMENTS[name]["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"] == 0


def test_one_pod_at_a_time_has_the_documents() -> None:
    """The old pod of the search ends before the new one starts, since the folder has one holder."""
    spec = DEPLOYMENTS["yaoki-chat-vector"]["spec"]

    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_image_and_the_pods_fit(name: str) -> None:
    """The user and the data folder are those of the image, and what is written lies on a volume."""
    image = (ROOT / "deploy" / "Containerfile").read_text("utf-8")
    mounts = {each["mountPath"] for each in container_of(name)["volumeMounts"]}

    assert f"USER {pod_of(name)['securityContext']['runAsUser']}:" in image
    assert "/tmp" in mounts
    if name != "yaoki-chat-llm":
        assert "STATE_DIRECTORY=/var/lib/yaoki" in image
        assert "/var/lib/yaoki" in mounts
