import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import { importX } from 'eslint-plugin-import-x';
import tseslint from 'typescript-eslint';

/** The rooms from the ground up. A room imports from itself and from those before it, never upwards. */
const rooms = ['protocol', 'options', 'bus', 'routing', 'broadcast', 'adapter'];

const upwardArrows = rooms.flatMap((room, floor) =>
  [...rooms.slice(floor + 1).map((above) => `./lib/${above}`), './lib/*.ts'].map((from) => ({
    target: `./lib/${room}`,
    from,
    message: 'A room knows only the rooms below it.',
  })),
);

export default tseslint.config(
  { ignores: ['dist', '.build', '.cache', 'coverage', 'sample/*/public'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked],
    plugins: { 'import-x': importX },
    languageOptions: {
      parserOptions: { project: './test/tsconfig.json', tsconfigRootDir: import.meta.dirname },
    },
    settings: {
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
      'import-x/resolver-next': [createTypeScriptImportResolver({ project: 'test/tsconfig.json' })],
    },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-restricted-paths': ['error', { zones: upwardArrows }],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Nest's modules are classes that hold nothing but their decorator.
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
    },
  },
);
