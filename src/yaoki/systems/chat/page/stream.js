// One question to the service, and its answer as it is written: POST /chat/stream, or POST /chat where there is no such thing.

let streams = true;

// The question was not taken, or could not be answered to the end. `reason`: a sentence of the service, or "".
export class RefusedError extends Error {
  constructor(reason) {
    super(reason);
    this.reason = reason;
  }
}

export class BrokenOffError extends Error {}

// The reply as `POST /chat` gives it. `wrote(text)` gets what has been written since; `signal` ends it all.
export async function ask(question, headers, signal, wrote) {
  const request = { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body: JSON.stringify(question), signal };
  if (streams) {
    const response = await fetch("/chat/stream", request);
    if (response.status !== 404 && response.status !== 405) {
      if (!response.ok) throw await refusal(response);
      return await readToTheEnd(response.body, wrote);
    }
    streams = false;
  }
  const response = await fetch("/chat", request);
  if (!response.ok) throw await refusal(response);
  return await response.json();
}

async function refusal(response) {
  try {
    return new RefusedError((await response.json()).reason ?? String(response.status));
  } catch {
    return new RefusedError(String(response.status));
  }
}

async function readToTheEnd(body, wrote) {
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let rest = "";
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const lines = rest.split("\n");
    rest = lines.pop();
    for (const line of lines) {
      const event = read(line);
      if (event?.done) {
        // Nothing comes behind it; the connection need not be waited for.
        reader.cancel().catch(() => {});
        return event;
      }
      if (typeof event?.delta === "string") wrote(event.delta);
    }
    if (done) throw new BrokenOffError();
  }
}

function read(line) {
  if (!line.startsWith("data:")) return null;
  try {
    return JSON.parse(line.slice("data:".length));
  } catch {
    return null;
  }
}
