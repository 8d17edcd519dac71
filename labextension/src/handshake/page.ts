import { IServerVersion, PROTOCOL } from './verdict';

// By require, since package.json lies outside of TypeScript's rootDir; the bundler takes it in.
// eslint-disable-next-line @typescript-eslint/no-require-imports
const manifest = require('../../../package.json') as { version: string };

/** The version that this page was built with. */
export const PAGE: IServerVersion = { version: manifest.version, protocol: PROTOCOL };
