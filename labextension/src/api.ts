import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { Problem } from './generated/wire';

export const ROOT = 'cnai/api';

/** What the server says in place of an answer. */
export interface IRefusal {
  what: string;
  why: string;
  next_step: string;
}

/** The server refused, or there is none of ours to answer. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly refusal: IRefusal
  ) {
    super(refusal.what);
    this.name = 'ApiError';
  }
}

/** What an error says to a person. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ApiError) {
    return error.refusal;
  }
  return { what: error instanceof Error ? error.message : String(error) };
}

/**
 * Ask the server extension; the only place from which the page talks to it by HTTP.
 *
 * @param path - the address below `cnai/api`, e.g. `version`
 * @param settings - how to reach the Jupyter server
 * @param init - as for `fetch`
 * @throws ApiError when the server refuses; ServerConnection.NetworkError when it is not reached
 */
export async function request<T>(
  path: string,
  settings: ServerConnection.ISettings,
  init: RequestInit = {}
): Promise<T> {
  const url = URLExt.join(settings.baseUrl, ROOT, path);
  const response = await ServerConnection.makeRequest(url, init, settings);
  const body: unknown = await response.json().catch(() => null);
  if (!response.ok) {
    throw new ApiError(response.status, asRefusal(body, response));
  }
  return body as T;
}

function asRefusal(body: unknown, response: Response): IRefusal {
  const said = (body ?? {}) as Partial<IRefusal>;
  return {
    what: said.what ?? `${response.status} ${response.statusText}`.trim(),
    why: said.why ?? '',
    next_step: said.next_step ?? ''
  };
}
