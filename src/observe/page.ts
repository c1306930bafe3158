/** An answer of the daemon's HTTP server. */
export interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function json(status: number, body: object): Page {
  return { status, type: 'application/json; charset=utf-8', text: `${JSON.stringify(body)}\n` };
}

export function text(status: number, message: string, headers: Readonly<Record<string, string>> = {}): Page {
  return { status, type: 'text/plain; charset=utf-8', text: `${message}\n`, headers };
}
