import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Clock, settled } from '../platform/index.ts'
import type { Ledger } from './ledger.ts'
import { entry, Machine } from './testing.ts'

const LINGER_MS = 10

/** A machine whose turns of the event loop end when the test says so. */
class Turns extends Machine {
  readonly #ends: (() => void)[] = []
  #areFree = false
  flushes = 0

  start(): Promise<Ledger> {
    const clock: Clock = {
      nowUs: () => this.clock.nowUs(),
      ticksMs: () => this.clock.ticksMs(),
      after: (delayMs, run) => this.clock.after(delayMs, run),
      atTurnEnd: (run) => (this.#areFree ? queueMicrotask(run) : void this.#ends.push(run)),
    }
    const onFlush = (): void => {
      this.flushes += 1
    }
    return this.open({ clock, onFlush })
  }

  /** What was waited for, a turn or nothing. */
  async end(): Promise<boolean> {
    const ends = this.#ends.splice(0)
    for (const run of ends) run()
    await settled()
    return ends.length > 0
  }

  async stop(ledger: Ledger): Promise<void> {
    this.#areFree = true
    await this.end()
    await ledger.close()
  }
}

/** Appends so many, and forgets them. */
function append(ledger: Ledger, count: number, isRelaxed = false): void {
  const waiter = { durable: () => undefined, refused: assert.ifError }
  for (let n = 0; n < count; n += 1) ledger.appendFor(entry(n, { isRelaxed }), waiter)
}

test('what comes alone waits for the end of its turn, and no longer', async () => {
  const machine = new Turns()
  const ledger = await machine.start()
  append(ledger, 1)
  await settled()
  assert.deepEqual([ledger.size, await machine.end()], [0, true])
  assert.deepEqual([ledger.size, machine.flushes, await machine.end()], [1, 1, false])
  await machine.stop(ledger)
})

test('a batch that grew waits one more turn, and no third', async () => {
  const machine = new Turns()
  const ledger = await machine.start()
  append(ledger, 1)
  await settled()
  append(ledger, 2)
  await machine.end()
  assert.equal(ledger.size, 0)
  append(ledger, 2)
  await machine.end()
  assert.deepEqual([ledger.size, machine.flushes], [5, 1])
  await machine.stop(ledger)
})

test('what is large waits for no turn', async () => {
  const machine = new Turns()
  const ledger = await machine.start()
  const payload = new Uint8Array(140_000)
  const waiter = { durable: () => undefined, refused: assert.ifError }
  ledger.appendFor({ ...entry(0), payload }, waiter)
  await settled()
  assert.deepEqual([ledger.size, await machine.end()], [1, false])
  await machine.stop(ledger)
})

test('what nobody waits for lingers behind a flush too, and for its own time', async () => {
  const machine = new Turns()
  const ledger = await machine.start()
  append(ledger, 2, true)
  await machine.clock.advance(LINGER_MS - 1)
  append(ledger, 1)
  await machine.end()
  await machine.end()
  assert.deepEqual([ledger.size, machine.flushes], [3, 1])
  append(ledger, 2, true)
  await machine.clock.advance(LINGER_MS - 1)
  assert.deepEqual([await machine.end(), machine.flushes], [false, 1])
  await machine.clock.advance(1)
  await machine.end()
  assert.deepEqual([ledger.size, machine.flushes], [5, 2])
  await machine.stop(ledger)
})
