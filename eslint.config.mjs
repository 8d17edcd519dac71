import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['**/node_modules/', '**/lib/', '**/dist/', '**/build/', '.venv*/', '.yarn/'] },
  js.configs.recommended,
  {
    files: ['labextension/src/**/*.{ts,tsx}'],
    extends: [...tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { project: 'labextension/tsconfig.json' } },
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      'no-restricted-globals': [
        'error',
        { name: 'fetch', message: 'Ask through api.ts, which knows the server and its token.' }
      ]
    }
  },
  {
    files: ['bench/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        [
          ...['window', 'document', 'performance', 'addEventListener', 'requestAnimationFrame'],
          ...['Event', 'HTMLInputElement', 'MessageChannel', 'MutationObserver'],
          'PerformanceObserver'
        ].map(name => [name, 'readonly'])
      )
    }
  },
  {
    files: ['tests/browser/*.js'],
    languageOptions: {
      globals: Object.fromEntries(
        ['window', 'document', 'getComputedStyle', 'CanvasRenderingContext2D', 'Path2D'].map(
          name => [name, 'readonly']
        )
      )
    }
  },
  {
    files: ['*.js', 'labextension/testing/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: {
        module: 'writable',
        require: 'readonly',
        fetch: 'readonly',
        Request: 'readonly',
        Response: 'readonly',
        Headers: 'readonly',
        TextEncoder: 'readonly',
        TextDecoder: 'readonly',
        ReadableStream: 'readonly',
        structuredClone: 'readonly'
      }
    }
  },
  prettier
);
