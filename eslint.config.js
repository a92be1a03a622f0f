import tseslint from 'typescript-eslint';

export default tseslint.config(
  // test/package/app belongs to generated apps: their test runner provides globals, and their linter is tested.
  { ignores: ['dist', '.build', '.cache', 'coverage', 'sample/*/public', 'test/package/app'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', { max: 300 }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Nest modules are often empty classes with a decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // Node's test runner handles the promises of `describe` and `it` itself.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it'], package: 'node:test' }] },
      ],
      // Nest types some options as classes, but callers pass object literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    // One file by design, whose documentation is most of it.
    files: ['lib/client/index.ts'],
    rules: { 'max-lines': ['error', { max: 350, skipComments: true, skipBlankLines: true }] },
  },
);
