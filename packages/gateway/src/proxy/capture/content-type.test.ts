import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DOUBTFUL_CHARSET, parseContentType } from './content-type.ts'

for (const [value, charset] of [
  ['text/plain', undefined],
  ['text/plain;', undefined],
  ['text/plain; charset=UTF-8', 'utf-8'],
  ['text/plain ; a=b ;charset="utf-\\8" ; c="d;e"', 'utf-8'],
  ['text/plain; x="; charset=utf-8"; charset=utf-16le', 'utf-16le'],
  ['text/plain; charset=utf-8; charset=utf-16le', DOUBTFUL_CHARSET],
  ["text/plain; charset='utf-16'", "'utf-16'"],
  ["text/plain; charset*=utf-8''utf-16", DOUBTFUL_CHARSET],
  ['text/plain; charset*0=utf-; charset*1=16', DOUBTFUL_CHARSET],
  ['text/plain; charset =utf-16', DOUBTFUL_CHARSET],
  ['text/plain; charset=utf-8, text/html', DOUBTFUL_CHARSET],
  ['text/plain; charset="utf-8', DOUBTFUL_CHARSET],
  ['text/plain; charset=utf-8 utf-16', DOUBTFUL_CHARSET],
  ['nonsense; charset=utf-16', undefined],
] as const) {
  test(`the charset of ${value} is ${charset}`, () => {
    assert.equal(parseContentType(value).charset, charset)
  })
}
