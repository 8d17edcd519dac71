/** What the server half says of itself. */
export interface IServerVersion {
  version: string;
  protocol: number;
}

export type Verdict = 'same' | 'server-newer' | 'server-older';

/** The version of the messages that this page understands. */
export const PROTOCOL = 1;

/**
 * Whether page and server belong together, and which of them is behind.
 *
 * The protocol decides before the version: two versions may differ in either direction when one of
 * them is a downgrade.
 */
export function compare(page: IServerVersion, server: IServerVersion): Verdict {
  const order = server.protocol - page.protocol || compareVersions(server.version, page.version);
  if (order === 0) {
    return 'same';
  }
  return order > 0 ? 'server-newer' : 'server-older';
}

function compareVersions(one: string, other: string): number {
  const [a, b] = [parts(one), parts(other)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const difference = (a[i] ?? 0) - (b[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return one.localeCompare(other);
}

function parts(version: string): number[] {
  return (/^\d+(\.\d+)*/.exec(version)?.[0] ?? '').split('.').map(Number);
}
