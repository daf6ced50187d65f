// Who may call what. A change of the table is a change of the golden file, seen in review.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { routes } from '../../packages/gateway/src/admin/index.ts'

const golden = join(import.meta.dirname, 'access-matrix.golden')

test('the access matrix of the control plane is what was reviewed', () => {
  const matrix = routes.map(({ method, path, permission }) => {
    return `${method.padEnd(6)} ${path.padEnd(40)} ${permission}\n`
  })
  if (process.env.UPDATE === '1') writeFileSync(golden, matrix.join(''))
  assert.equal(matrix.join(''), readFileSync(golden, 'utf8'))
})
