import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FlushTurns } from './flush-turns.ts'

type Done = (error: NodeJS.ErrnoException | null) => void

/** Says what is flushed where; a flush in place takes `takesMs`. */
class Bench {
  readonly said: string[] = []
  readonly away: Done[] = []
  nowMs = 0
  readonly turns: FlushTurns

  constructor(takesMs: number) {
    this.turns = new FlushTurns({
      nowMs: () => this.nowMs,
      inPlace: (handle, done) => {
        this.nowMs += takesMs
        this.said.push(`${handle} in place`)
        done(null)
      },
      away: (handle, done) => {
        this.said.push(`${handle} away`)
        this.away.push(done)
      },
    })
  }

  flush(handle: number): void {
    this.turns.flush(handle, (error) => this.said.push(`${handle} ${error?.code ?? 'done'}`))
  }
}

test('while flushes are quick the thread waits for each', () => {
  const bench = new Bench(0.3)
  for (let handle = 0; handle < 1_000; handle += 1) bench.flush(handle)
  assert.equal(bench.said.filter((line) => line.endsWith('in place')).length, 1_000)
})

test('beyond half a second of each they are left to other threads, two at a time, in order', () => {
  const bench = new Bench(250)
  for (let handle = 1; handle <= 6; handle += 1) bench.flush(handle)
  const waited = ['1 in place', '1 done', '2 in place', '2 done']
  assert.deepEqual(bench.said, [...waited, '3 away', '4 away'])
  bench.away[1]?.(null)
  bench.away[0]?.(Object.assign(new Error('failed'), { code: 'EIO' }))
  bench.away[2]?.(null)
  bench.away[3]?.(null)
  const left = ['5 away', '4 done', '6 away', '3 EIO', '5 done', '6 done']
  assert.deepEqual(bench.said.slice(6), left)
  bench.nowMs = 1_000
  bench.flush(7)
  assert.deepEqual(bench.said.slice(12), ['7 in place', '7 done'])
})
