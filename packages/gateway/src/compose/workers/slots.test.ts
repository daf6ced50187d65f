import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Slots } from './slots.ts'
import { Waiting } from './waiting.ts'

test('a place is given again when it is free, and no sooner', () => {
  const slots = new Slots<string>()
  const [a, b] = [slots.add('a'), slots.add('b')]
  assert.notEqual(a, b)
  slots.remove(a)
  slots.remove(a)
  assert.deepEqual([slots.size, slots.at(a), slots.at(b)], [1, undefined, 'b'])
  assert.deepEqual([slots.add('c'), slots.add('d')], [a, 2])
  assert.deepEqual(
    [...slots.entries()],
    [
      [a, 'c'],
      [b, 'b'],
      [2, 'd'],
    ],
  )
})

test('each answer goes to who asked, once, and the oldest question is known', () => {
  let nowMs = 0
  const waiting = new Waiting<string>(() => nowMs)
  const heard: string[] = []
  const first = waiting.add({ answered: (answer) => heard.push(`first ${answer}`) })
  nowMs = 5
  const second = waiting.add({ answered: (answer) => heard.push(`second ${answer}`) })
  nowMs = 7
  assert.equal(waiting.oldestMs, 7)
  waiting.answer(first, 'a')
  assert.equal(waiting.oldestMs, 2)
  waiting.answer(second, 'b')
  assert.deepEqual([waiting.oldestMs, heard], [0, ['first a', 'second b']])
  assert.throws(() => waiting.answer(second, 'c'), /nobody waits at/)
})
