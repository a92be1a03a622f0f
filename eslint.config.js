import tseslint from 'typescript-eslint';

export default tseslint.config(
  { ignores: ['dist', '.build', '.cache', 'coverage', 'sample/*/public'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: { project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Nest's modules are classes that hold nothing but their decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      // The promises of Node's test runner are its own business.
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', name: ['describe', 'it'], package: 'node:test' }] },
      ],
      // Nest types its options as classes, and everybody gives literals.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
);
