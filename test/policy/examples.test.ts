import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseYamlAs } from '../../packages/gateway/src/config/index.ts'
import {
  type CaseTable,
  caseTableSchema,
  type PolicyFile,
  PolicySet,
  runCases,
} from '../../packages/gateway/src/policy/index.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples/policies')
const directories = readdirSync(EXAMPLES, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name)

function read(directory: string): { readonly files: readonly PolicyFile[]; table: CaseTable } {
  const at = join(EXAMPLES, directory)
  const files = readdirSync(at)
    .filter((name) => name.endsWith('.cedar'))
    .map((name) => ({ name, text: readFileSync(join(at, name), 'utf8') }))
  const table = parseYamlAs(caseTableSchema, 'cases.yaml', readFileSync(join(at, 'cases.yaml')))
  return { files, table }
}

test('there are examples', () => assert.ok(directories.length >= 5))

for (const directory of directories) {
  test(`${directory} decides as its cases say, in the compiler and in the engine`, () => {
    const { files, table } = read(directory)
    const compiled = PolicySet.compile(files)
    assert.deepEqual(compiled.uncovered, [])
    const results = runCases(compiled, table)
    assert.deepEqual(
      results.filter(({ failures }) => failures.length > 0),
      [],
    )
    assert.deepEqual(results, runCases(PolicySet.compile(files, 'wasm'), table))
    const used = new Set(results.flatMap(({ decision }) => decision?.policies ?? []))
    assert.deepEqual([...used].sort(), compiled.ids, 'every policy decides a case')
  })
}
