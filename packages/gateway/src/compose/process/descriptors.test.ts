import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readDescriptors } from './descriptors.ts'

const US = { pid: 42, ppid: 41 }

for (const [name, environment, found] of [
  ['nothing is handed over', {}, []],
  [
    'one socket, by name',
    { LISTEN_FDS: '1', LISTEN_PID: '42', LISTEN_FDNAMES: 'main' },
    [{ name: 'main', fd: 3 }],
  ],
  [
    'several, in their order',
    { LISTEN_FDS: '2', LISTEN_PID: '42', LISTEN_FDNAMES: 'main:admin' },
    [
      { name: 'main', fd: 3 },
      { name: 'admin', fd: 4 },
    ],
  ],
  ['what is meant for another process', { LISTEN_FDS: '1', LISTEN_PID: '7' }, []],
  ['what is meant for our parent', { LISTEN_FDS: '1', LISTEN_PID: '41' }, []],
  [
    'what our parent hands to whichever child it has',
    { LISTEN_FDS: '1', COUNTERSIGN_LISTEN_PARENT: '41', LISTEN_FDNAMES: 'main' },
    [{ name: 'main', fd: 3 }],
  ],
  ['what a grandparent handed over', { LISTEN_FDS: '1', COUNTERSIGN_LISTEN_PARENT: '40' }, []],
  ['none at all', { LISTEN_FDS: '0', LISTEN_PID: '42' }, []],
] as const) {
  test(`sockets handed over: ${name}`, () => {
    assert.deepEqual(readDescriptors(environment, US), found)
  })
}

for (const [name, environment, says] of [
  ['a number that is none', { LISTEN_FDS: '0x2', LISTEN_FDNAMES: 'a:b' }, /LISTEN_FDS is 0x2/],
  ['a negative number', { LISTEN_FDS: '-1', LISTEN_FDNAMES: 'a' }, /LISTEN_FDS is -1/],
  ['too many', { LISTEN_FDS: '1025' }, /not a number up to 1024/],
  ['no names', { LISTEN_FDS: '1' }, /0 names for 1 sockets: give each socket FileDescriptorName=/],
  ['a name too few', { LISTEN_FDS: '2', LISTEN_FDNAMES: 'main' }, /1 names for 2 sockets/],
] as const) {
  test(`sockets handed over, refused: ${name}`, () => {
    assert.throws(() => readDescriptors({ LISTEN_PID: '42', ...environment }, US), says)
  })
}
