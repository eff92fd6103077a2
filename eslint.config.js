import svelte from 'eslint-plugin-svelte';
import tseslint from 'typescript-eslint';

/** Type-aware where code runs on the server; the UI's own checker is svelte-check. */
export default tseslint.config(
  { ignores: ['node_modules/', 'ui/build/', 'ui/.svelte-kit/', 'ui/src/lib/api/schema.d.ts', '.fermata/', 'build/'] },
  {
    files: ['{workflows,activities,api,search,infra,test}/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { project: './tsconfig.json', tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': ['error', { checksVoidReturn: false }],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-console': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'prefer-const': 'error',
    },
  },
  {
    // Command-line programs and benches speak to a terminal.
    files: ['infra/services/**/*.ts', 'infra/scripts/**/*.ts', 'test/bench/**/*.ts', 'test/support/**/*.ts'],
    rules: { 'no-console': 'off' },
  },
  {
    // Tests read answers of any shape; what is expected of them stands in the assertion.
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-explicit-any': 'off' },
  },
  {
    // The bundler takes `process` silently, and a workflow that reads the world cannot be replayed.
    files: ['workflows/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'fetch', 'console', 'setImmediate', 'WebSocket'],
    },
  },
  {
    files: ['workflows/domain/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', 'process', 'fetch', 'console', 'setTimeout', 'setInterval', 'setImmediate', 'Buffer'],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Choice is seeded: take a seed as an argument.' },
        { object: 'Date', property: 'now', message: 'The instant is an argument.' },
      ],
      'no-restricted-syntax': ['error', { selector: "NewExpression[callee.name='Date'][arguments.length=0]", message: 'The instant is an argument.' }],
    },
  },
  {
    files: ['infra/**/*.ts', 'api/**/*.ts', 'activities/**/*.ts', 'search/**/*.ts'],
    ignores: ['infra/config.ts', 'infra/services/**'],
    rules: {
      'no-restricted-properties': ['error', { object: 'process', property: 'env', message: 'infra/config.ts is the only reader of the environment.' }],
    },
  },
  ...svelte.configs['flat/base'].map((config) => ({ ...config, files: ['ui/src/**/*.svelte', 'ui/src/**/*.svelte.ts'] })),
  {
    files: ['ui/src/**/*.svelte', 'ui/src/**/*.svelte.ts'],
    languageOptions: { parserOptions: { parser: tseslint.parser } },
    rules: { 'svelte/no-at-html-tags': 'error', 'svelte/require-each-key': 'error' },
  },
);
