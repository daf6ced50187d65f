import assert from 'node:assert/strict'
import { EventEmitter } from 'node:events'
import { test } from 'node:test'
import { SimulatedClock } from '../platform/index.ts'
import { stopSignal } from './stop-signal.ts'

class Process extends EventEmitter {
  readonly exits: number[] = []
  exit(code: number): void {
    this.exits.push(code)
  }
}

for (const [name, signals, exits] of [
  ['one signal is a wish to stop', [['SIGINT', 0]], []],
  [
    'twice at once is the same wish',
    [
      ['SIGINT', 0],
      ['SIGTERM', 0],
    ],
    [],
  ],
  [
    'twice within two seconds is the same wish',
    [
      ['SIGINT', 0],
      ['SIGINT', 2000],
    ],
    [],
  ],
  [
    'a second wish after that is an order',
    [
      ['SIGINT', 0],
      ['SIGINT', 2001],
    ],
    [130],
  ],
  [
    'of whichever kind',
    [
      ['SIGINT', 0],
      ['SIGTERM', 10],
      ['SIGTERM', 2000],
    ],
    [143],
  ],
] as const) {
  test(name, async () => {
    const [clock, process] = [new SimulatedClock(), new Process()]
    const stop = stopSignal(clock, process)
    for (const [signal, afterMs] of signals) {
      await clock.advance(afterMs)
      process.emit(signal)
    }
    assert.equal(await stop, signals[0][0])
    assert.deepEqual(process.exits, exits)
  })
}
