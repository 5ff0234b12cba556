// Requests to the server, with the session of the page. What it refuses is one kind of error, whatever the reason.

/** A refusal: a message for people, and what the server told beside it. */
export class Refused extends Error {
  constructor({ status, message, code, hint, line, column }) {
    super(message);
    Object.assign(this, { status, code, hint, line, column });
  }
}

/** Asks; resolves to the response if it is one of success. */
export const call = async (path, { method = "GET", body, accept = "application/json", signal } = {}) => {
  let response;
  try {
    const headers = { accept, ...(body && { "content-type": "application/json" }) };
    response = await fetch(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal,
      credentials: "same-origin",
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused({
      status: 0,
      message: "The server cannot be reached.",
      hint: "Check that Weir runs, then try again.",
    });
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw new Refused({ status: response.status, message: `The server answered ${response.status}.`, ...error });
};
