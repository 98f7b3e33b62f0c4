// taplo, the language server behind most editors of TOML: does it find the schema where README puts it, and underline what
// the gate would refuse?
import assert from 'node:assert/strict';
import { appendFileSync, cpSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { binary, root } from './lib/gate.mjs';
import { run, temporaryFolder } from './lib/processes.mjs';

const TAPLO = join(root, 'tests/components/node_modules/.bin/taplo');
let folder;

/** What taplo says of the files in the policy directory: nothing, or the error of its ending. */
const lint = () => {
  const files = readdirSync(join(folder, 'policy')).map((name) => join('policy', name));
  return run(TAPLO, ['lint', '--colors', 'never', ...files], { cwd: folder }).then(() => '', (error) => error.message);
};

before(async () => {
  folder = temporaryFolder('editor');
  cpSync(join(root, 'policies/daknong'), join(folder, 'policy'), { recursive: true });
  writeFileSync(join(folder, 'schema.json'), await run(binary(), ['schema']));
});

test('the shipped policy, copied with its schema beside it, is fine in an editor', async () => {
  assert.equal(await lint(), '');
});

test('a wrong word, type or key is underlined', async () => {
  const path = join(folder, 'policy/rules.toml');
  const wrong = '\n[[rule]]\nname = "a"\nthen = "foward"\n[[rule]]\nname = 1\nthen = "login"\n[[rule]]\nname = "c"\nthen = "login"\nrotues = "x"\n';
  appendFileSync(path, wrong);
  const said = await lint();
  for (const finding of [/"foward" is not one of/, /1 is not of type "string"/, /'rotues' was unexpected/]) assert.match(said, finding);
});
