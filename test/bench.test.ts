import { equal, match, throws } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { figuresOf } from '../bench/decide.figures.ts'
import { BenchUsageError, namesOf, numberOf } from '../bench/run.options.ts'

const root = join(import.meta.dirname, '..')

describe('what a bench is asked for', () => {
  const known = ['bare', 'off', 'strict'] as const
  const lists = [
    ['names with a comma between them', ['strict,bare'], 'bare,strict'],
    ['an option that comes twice', ['off', 'strict'], 'off,strict'],
    ['a name that comes twice', ['off,off', 'off'], 'off'],
  ] as const
  for (const [name, texts, expected] of lists) {
    test(name, () => equal(namesOf(texts, 'modes', known).join(','), expected))
  }

  test('a name that does not exist is refused beside one that does', () => {
    throws(() => namesOf(['off,strikt'], 'modes', known), {
      name: 'BenchUsageError',
      message: '--modes takes bare, off, strict, not "strikt"',
    })
  })
  for (const text of ['', '0', '-1', 'x', '1.5', 'Infinity']) {
    test(`"${text}" seconds are refused`, () => {
      throws(() => numberOf(text, 'seconds'), BenchUsageError)
    })
  }

  test('a refused bench prints its usage and leaves the committed result alone', () => {
    const kept = (): string => readFileSync(join(root, 'bench/results/proxy.json'), 'utf8')
    const before = kept()
    const args = [join(root, 'bench/run.ts'), 'proxy', '--modes', 'a,b']
    const ran = spawnSync(process.execPath, args, { encoding: 'utf8' })
    equal(ran.status, 2, ran.stderr)
    match(ran.stderr, /not "a", "b"\n\nnpm run bench -- proxy /)
    equal(kept(), before)
  })
})

test('figures of modes that did not run are left out', () => {
  const keys = { requestsPerSecond: 2, cpuUsPerRequest: 40 }
  const jwt = { requestsPerSecond: 1, cpuUsPerRequest: 50 }
  const figures = figuresOf(new Map([['keys', keys] as const, ['jwt', jwt] as const]))
  const expected = { keys, jwt, added: { jwtKnownUs: 10 }, shareOfComplete: {} }
  equal(JSON.stringify(figures), JSON.stringify(expected))
})
