import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from './bytes.ts'
import { secretKey } from './cipher.ts'
import { joinPacks, openPack, sealPack, splitPacks } from './pack.ts'

const KEY = {
  id: new Uint8Array(16).fill(7),
  packKey: secretKey(new Uint8Array(32).fill(1)),
  saltKey: new Uint8Array(32),
  derive: (info: Uint8Array) => info,
}
const ORIGIN = new Uint8Array(32).fill(2)

function sealed(ordinal: number, plain: Uint8Array): Uint8Array {
  const nonce = new Uint8Array(12).fill(ordinal + 1)
  const spot = { keyId: KEY.id, from: 0, to: 256, ordinal, layout: 2, nonce }
  return sealPack(KEY, ORIGIN, spot, plain)
}

for (const length of [0, 1, 5_000, 65_536, 200_000]) {
  test(`packs of ${length} bytes are a file, each alone and together, and open again`, () => {
    const plain = new Uint8Array(length).fill(9)
    const packs = [sealed(0, plain), sealed(1, plain)]
    for (const some of [packs.slice(0, 1), packs]) {
      const file = Buffer.from(joinPacks(some))
      assert.deepEqual(file, Buffer.concat([utf8('CSB1'), ...some]))
      const read = splitPacks('file', file)
      assert.equal(read.length, some.length)
      for (const pack of read) {
        assert.deepEqual(Buffer.from(openPack(KEY, ORIGIN, pack)), Buffer.from(plain))
      }
    }
  })
}

test('a pack is a file wherever its memory is: at the start, behind zeros or the magic', () => {
  const pack = sealed(0, utf8('text'))
  const whole = Buffer.concat([utf8('CSB1'), pack])
  const apart = Uint8Array.from(pack)
  const behindOther = new Uint8Array(pack.length + 4)
  behindOther.set(pack, 4)
  for (const each of [pack, apart, behindOther.subarray(4), whole.subarray(4)]) {
    assert.deepEqual(Buffer.from(joinPacks([each])), whole)
  }
})
