import { TranslationBundle } from '@jupyterlab/translation';

import { ApiError } from '../api';
import { Problem } from '../generated/wire';
import { PAGE } from '../handshake/page';
import { compare, IServerVersion } from '../handshake/verdict';

const ENABLE = 'jupyter server extension enable cnai_server_ext';

/** Why the server turns this page away, or null when it only was not reached. */
export function refusalOf(error: unknown, trans: TranslationBundle): Problem | null {
  if (!(error instanceof ApiError)) {
    return null;
  }
  switch (error.status) {
    case 401:
    case 403:
      return {
        what: trans.__('The Jupyter server refuses this page.'),
        why: trans.__('It does not know you any more, or was started anew with another token.'),
        next_step: trans.__('Reload the page, and log in again.')
      };
    case 404:
      return {
        what: trans.__('The server half of cnai-sdk is not enabled.'),
        next_step: trans.__('Run "%1", then restart Jupyter.', ENABLE)
      };
    default:
      return null;
  }
}

/** What a page says that speaks another language than its server. */
export function mismatch(server: IServerVersion, trans: TranslationBundle): Problem {
  const newer = compare(PAGE, server) === 'server-newer';
  return {
    what: newer
      ? trans.__(
          'The cnai-sdk server (%1) is newer than this page (%2).',
          server.version,
          PAGE.version
        )
      : trans.__(
          'The cnai-sdk server (%1) is older than this page (%2).',
          server.version,
          PAGE.version
        ),
    next_step: trans.__('Reload the page.')
  };
}
