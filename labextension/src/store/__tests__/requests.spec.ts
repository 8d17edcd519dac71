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
  expect(done).toEqual({ done: ['a'] });
  expect(asked()).toEqual({ method: 'POST', address: 'jobs/team%20a/actions' });
  expect(await server.asked[0]!.json()).toEqual({ do: 'stop', ids: ['a', 'b'] });
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
