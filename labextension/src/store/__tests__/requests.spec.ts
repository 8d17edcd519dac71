import { ApiError } from '../../api';
import { Requests } from '../requests';
import { Server } from './server';

const KEY = { source: 'local', id: 'a b/c' };
let server: Server;
let requests: Requests;

/** The last request, without the time that JupyterLab adds against caches. */
function asked(): { method: string; address: string } {
  const { method, url } = server.asked[server.asked.length - 1]!;
  const address = url.replace('http://localhost/user/ann/cnai/api/', '').replace(/[?&]\d+$/, '');
  return { method, address };
}

function answering(body: unknown, status = 200): void {
  server.answer = () => new Response(JSON.stringify(body), { status });
}

beforeEach(() => {
  server = new Server();
  requests = new Requests(server.settings({ token: 'secret' }));
});

it('acts on workloads of a source', async () => {
  answering({ done: ['a'] });
  const done = await requests.act('team a', { do: 'stop', ids: ['a', 'b'] });
  expect(done).toEqual({ done: ['a'], refused: [], made: [] });
  expect(asked()).toEqual({ method: 'POST', address: 'jobs/team%20a/actions' });
  expect(await server.asked[0]!.json()).toEqual({ do: 'stop', ids: ['a', 'b'] });
});

describe('acts on thousands of workloads in pieces', () => {
  const ids = Array.from({ length: 2500 }, (_, n) => `j${n}`);

  it('with one answer', async () => {
    let piece = 0;
    server.answer = () => {
      piece += 1;
      return new Response(JSON.stringify({ done: [`d${piece}`], refused: [{ id: `r${piece}` }] }));
    };
    const acted = await requests.act('local', { do: 'delete', ids });
    const asked = (await Promise.all(server.asked.map(each => each.json()))) as { ids: string[] }[];
    expect(asked.map(each => each.ids.length)).toEqual([1000, 1000, 500]);
    expect(asked.flatMap(each => each.ids)).toEqual(ids);
    expect(acted.done).toEqual(['d1', 'd2', 'd3']);
    expect(acted.refused?.map(({ id }) => id)).toEqual(['r1', 'r2', 'r3']);
  });

  it('and where the server goes away says which were not done, and why', async () => {
    let asked = 0;
    server.answer = () =>
      asked++
        ? new Response(JSON.stringify({ what: 'Away.' }), { status: 503 })
        : new Response(JSON.stringify({ done: ids.slice(0, 1000) }));
    const acted = await requests.act('local', { do: 'delete', ids });
    expect(asked).toBe(2);
    expect(acted.done).toHaveLength(1000);
    expect(acted.refused).toHaveLength(1500);
    expect(acted.refused![0]).toMatchObject({ id: 'j1000', problem: { what: 'Away.' } });
  });
});

it('chooses the backend of notebooks to come', async () => {
  answering({ backend: 'local', why: 'configuration file' });
  await expect(requests.choose('local')).resolves.toMatchObject({ backend: 'local' });
  expect(asked()).toEqual({ method: 'PUT', address: 'serving' });
  expect(await server.asked[0]!.json()).toEqual({ source: 'local' });
});

it.each([
  ['a script', () => requests.script(KEY), 'jobs/local/a%20b%2Fc/script'],
  [
    'older lines of one worker',
    () => requests.lines(KEY, { before: 7, rank: 0, count: 50 }),
    'jobs/local/a%20b%2Fc/lines?before=7&rank=0&count=50'
  ],
  [
    'a search, whatever is searched for',
    () => requests.search(KEY, { text: 'a&b=c//..', matchCase: true, rank: undefined }),
    'jobs/local/a%20b%2Fc/search?text=a%26b%3Dc%2F%2F..&match_case=true'
  ]
])('asks for %s', async (_, ask, address) => {
  answering({});
  await ask();
  expect(asked()).toEqual({ method: 'GET', address });
});

it('gives addresses of downloads that stay below the base address and carry no token', () => {
  const base = 'http://localhost/user/ann/cnai/api/jobs/local/a%20b%2Fc/';
  expect(requests.logUrl(KEY)).toBe(`${base}log.txt`);
  expect(requests.logUrl(KEY, 0)).toBe(`${base}log.txt?rank=0`);
  expect(requests.outputUrl(KEY, 'figures/a b?#&.png')).toBe(
    `${base}outputs/figures/a%20b%3F%23%26.png`
  );
});

it('says what the server refused', async () => {
  answering({ what: 'Not yours.', why: 'Read-only.', next_step: 'Ask.' }, 403);
  const refused: unknown = await requests
    .act('local', { do: 'stop', ids: ['a'] })
    .catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(ApiError);
  expect((refused as ApiError).refusal).toEqual({
    what: 'Not yours.',
    why: 'Read-only.',
    next_step: 'Ask.'
  });
});
