import { URLExt } from '@jupyterlab/coreutils';
import { ServerConnection } from '@jupyterlab/services';

import { problemOf, request, ROOT } from '../api';
import {
  Act,
  Acted,
  Fit,
  Fitting,
  Lines,
  Matches,
  Script,
  Serving,
  Sources,
  Wished
} from '../generated/wire';
import { IKey } from '../tokens';

/** As many as the server takes in one request. */
const MOST_IDS = 1_000;

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** The REST half of the store. */
export class Requests {
  constructor(private readonly _settings: ServerConnection.ISettings) {}

  /** In as many requests as it takes; what one of them could not do is in the answer, too. */
  async act(source: string, act: Act): Promise<Acted> {
    const path = `jobs/${encodeURIComponent(source)}/actions`;
    let all: Required<Acted> = { done: [], refused: [], made: [] };
    for (let at = 0; at === 0 || at < act.ids.length; at += MOST_IDS) {
      const ids = act.ids.slice(at, at + MOST_IDS);
      try {
        all = together(all, await this._send<Acted>(path, 'POST', { ...act, ids }));
      } catch (error) {
        if (at === 0) {
          throw error;
        }
        const refused = act.ids.slice(at).map(id => ({ id, problem: problemOf(error) }));
        return together(all, { refused });
      }
    }
    return all;
  }

  choose(source: string): Promise<Serving> {
    return this._send('serving', 'PUT', { source });
  }

  forget(source: string): Promise<Sources> {
    return this._send('sources/forget', 'POST', { source });
  }

  async fits(source: string, wished: Wished): Promise<Fit> {
    const path = `fits/${encodeURIComponent(source)}`;
    return (await this._send<Fitting>(path, 'POST', wished)).fit;
  }

  script(key: IKey): Promise<Script> {
    return this._get(`${pathOf(key)}/script`);
  }

  lines(
    key: IKey,
    of: { before?: number; after?: number; rank?: number; count?: number }
  ): Promise<Lines> {
    return this._get(`${pathOf(key)}/lines`, of);
  }

  search(
    key: IKey,
    of: { text: string; rank?: number; after?: number; matchCase?: boolean }
  ): Promise<Matches> {
    const { matchCase, ...rest } = of;
    return this._get(`${pathOf(key)}/search`, { ...rest, match_case: matchCase });
  }

  logUrl(key: IKey, rank?: number): string {
    return this._url(`${pathOf(key)}/log.txt${queryOf({ rank })}`);
  }

  outputUrl(key: IKey, path: string): string {
    const segments = path.split('/').map(encodeURIComponent).join('/');
    return this._url(`${pathOf(key)}/outputs/${segments}`);
  }

  private _url(path: string): string {
    return `${URLExt.join(this._settings.baseUrl, ROOT)}/${path}`;
  }

  private _get<T>(path: string, query: Query = {}): Promise<T> {
    return request<T>(path + queryOf(query), this._settings);
  }

  private _send<T>(path: string, method: string, body: unknown): Promise<T> {
    return request<T>(path, this._settings, { method, body: JSON.stringify(body) });
  }
}

function together(before: Required<Acted>, { done, refused, made }: Acted): Required<Acted> {
  return {
    done: [...before.done, ...(done ?? [])],
    refused: [...before.refused, ...(refused ?? [])],
    made: [...before.made, ...(made ?? [])]
  };
}

function pathOf({ source, id }: IKey): string {
  return `jobs/${encodeURIComponent(source)}/${encodeURIComponent(id)}`;
}

function queryOf(query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined);
  return given.length ? `?${new URLSearchParams(given.map(([k, v]) => [k, String(v)]))}` : '';
}
