// Packages that ship ES modules only, which jest must translate.
const esm = [
  '@jupyter',
  '@jupyterlab',
  '@lumino',
  '@microsoft',
  '@rjsf',
  'exenv-es6',
  'lib0',
  'nanoid',
  'vscode-ws-jsonrpc',
  'y-protocols',
  'y-websocket',
  'yjs'
].join('|');

const plain = {
  allowJs: true,
  isolatedModules: true,
  module: 'commonjs',
  target: 'es2020',
  esModuleInterop: true
};

module.exports = {
  rootDir: 'labextension',
  testEnvironment: '<rootDir>/testing/environment.js',
  setupFilesAfterEnv: ['<rootDir>/testing/patience.js'],
  testTimeout: 60_000,
  testRegex: 'src/.*\\.spec\\.tsx?$',
  moduleNameMapper: { '\\.(css|svg)$': '<rootDir>/testing/asset.js' },
  transform: {
    '^.+\\.tsx?$': ['ts-jest', { tsconfig: '<rootDir>/tsconfig.json', diagnostics: true }],
    '^.+\\.m?js$': ['ts-jest', { tsconfig: plain, diagnostics: false }]
  },
  transformIgnorePatterns: [`/node_modules/(?!(${esm})).+`]
};
