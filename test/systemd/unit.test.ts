// The systemd unit as systemd itself reads it: no mistake in it, and little that it may do.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { need } from '../needs.ts'

const UNIT = join(import.meta.dirname, '../../examples/systemd/countersign.service')
/** systemd's own scale from 0 to 10; most services of a distribution are above 9. */
const EXPOSURE_MAX = 2
const skip = need('the systemd unit', {
  command: 'systemd-analyze',
  install: 'apt-get install systemd',
})

function analyse(...args: readonly string[]): {
  readonly status: number | null
  readonly text: string
} {
  const { status, stdout, stderr } = spawnSync('systemd-analyze', args, { encoding: 'utf8' })
  return { status, text: `${stdout}${stderr}` }
}

test('systemd finds nothing wrong with the unit', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'unit-'))
  const file = join(directory, 'countersign.service')
  // Installed in another place than the unit says: here any program will do.
  const text = readFileSync(UNIT, 'utf8')
  writeFileSync(
    file,
    text.replaceAll('/opt/countersign/node_modules/.bin/countersign', '/bin/true'),
  )
  const { status, text: said } = analyse('verify', file)
  rmSync(directory, { recursive: true })
  const ours = said.split('\n').filter((line) => line.includes('countersign.service'))
  assert.deepEqual([status, ours], [0, []])
})

test('systemd rates what the service may do as little', { skip }, () => {
  const { text } = analyse('security', '--offline=yes', '--no-pager', UNIT)
  const exposure = Number(/exposure level for \S+: ([\d.]+)/.exec(text)?.[1] ?? Number.NaN)
  assert.ok(exposure <= EXPOSURE_MAX, `${exposure}`)
})
