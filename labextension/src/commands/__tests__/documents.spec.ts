import { ServerConnection } from '@jupyterlab/services';

import { freePath } from '../documents';

function folder(taken: readonly string[], status = 404): Parameters<typeof freePath>[0] {
  return {
    get: path =>
      taken.includes(path)
        ? Promise.resolve({} as never)
        : Promise.reject(new ServerConnection.ResponseError(new Response(null, { status })))
  };
}

describe('the path of a copied example', () => {
  it('is free: nothing is written over', async () => {
    expect(await freePath(folder([]), 'work', 'a.ipynb')).toBe('work/a.ipynb');
    const taken = ['work/a.ipynb', 'work/a-1.ipynb'];
    expect(await freePath(folder(taken), 'work', 'a.ipynb')).toBe('work/a-2.ipynb');
  });

  it('is not guessed when the server refuses', async () => {
    await expect(freePath(folder([], 403), '', 'a.ipynb')).rejects.toThrow();
  });
});
