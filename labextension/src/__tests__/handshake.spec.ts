import { Notification } from '@jupyterlab/apputils';
import { ServerConnection } from '@jupyterlab/services';
import { nullTranslator } from '@jupyterlab/translation';

import { ApiError, request } from '../api';
import { PAGE } from '../handshake/page';
import { shakeHands } from '../handshake/plugin';
import { compare } from '../handshake/verdict';

const trans = nullTranslator.load('cnai_lab');
const page = { version: '1.2.0', protocol: 1 };

function server(status: number, body: unknown): ServerConnection.ISettings {
  const answer = typeof body === 'string' ? body : JSON.stringify(body);
  return ServerConnection.makeSettings({
    baseUrl: 'http://localhost/user/ann/',
    fetch: () => Promise.resolve(new Response(answer, { status }))
  });
}

function shown(): string[] {
  return Notification.manager.notifications.map(each => each.message);
}

beforeEach(() => Notification.dismiss());

describe('compare', () => {
  it.each([
    ['1.2.0', 1, 'same'],
    ['1.10.0', 1, 'server-newer'],
    ['1.2.1', 1, 'server-newer'],
    ['1.1.9', 1, 'server-older'],
    ['1.1.9', 2, 'server-newer'],
    ['2.0.0', 0, 'server-older']
  ])('a server %s of protocol %i is %s', (version, protocol, verdict) => {
    expect(compare(page, { version, protocol })).toBe(verdict);
  });
});

describe('request', () => {
  it('asks below the base URL and gives the JSON', async () => {
    const asked: string[] = [];
    const settings = ServerConnection.makeSettings({
      baseUrl: 'http://localhost/user/ann/',
      fetch: input => {
        asked.push((input as Request).url);
        return Promise.resolve(new Response('{"version": "1.2.0"}'));
      }
    });
    await expect(request('version', settings)).resolves.toEqual({ version: '1.2.0' });
    expect(asked[0]).toContain('http://localhost/user/ann/cnai/api/version');
  });

  it('throws what the server said, in its one shape', async () => {
    const refusal = { what: 'No job is called x.', why: '', next_step: 'cnai jobs lists them.' };
    const error: unknown = await request('jobs/x', server(404, refusal)).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ status: 404, refusal, message: 'No job is called x.' });
  });

  it('still says the status when a proxy answers in HTML', async () => {
    await expect(request('version', server(502, '<h1>oops</h1>'))).rejects.toMatchObject({
      status: 502,
      refusal: { what: '502' }
    });
  });
});

describe('shakeHands', () => {
  it('is silent between equals', async () => {
    await shakeHands(server(200, PAGE), trans);
    expect(shown()).toEqual([]);
  });

  it('offers to reload an older page', async () => {
    const reload = jest.fn();
    await shakeHands(server(200, { version: '1.3.0', protocol: 1 }), trans, page, reload);
    expect(shown()).toEqual([
      'The cnai-sdk server (1.3.0) is newer than this page (1.2.0). Reload the page.'
    ]);
    const [action] = Notification.manager.notifications[0]?.options.actions ?? [];
    expect(action?.label).toBe('Reload');
    action?.callback(new MouseEvent('click'));
    expect(reload).toHaveBeenCalledTimes(1);
  });

  it('says so when the server is the older', async () => {
    await shakeHands(server(200, { version: '1.1.0', protocol: 1 }), trans, page);
    expect(shown()[0]).toContain('is older than this page');
  });

  it('says how to enable a server half that is missing', async () => {
    await shakeHands(server(404, '<h1>404</h1>'), trans, page);
    expect(shown()[0]).toContain('jupyter server extension enable cnai_server_ext');
  });

  it('leaves a broken Jupyter server to JupyterLab', async () => {
    await shakeHands(server(500, ''), trans, page);
    expect(shown()).toEqual([]);
  });
});
