import assert from 'node:assert/strict'
import { test } from 'node:test'
import { coversPattern, isPattern, matchesPath } from './path-pattern.ts'

for (const [pattern, path, want] of [
  ['/orders/7', '/orders/7', true],
  ['/orders/7', '/orders/8', false],
  ['/orders/7', '/orders/7/', false],
  ['/orders/*', '/orders/7', true],
  ['/orders/{id}', '/orders/7', true],
  ['/orders/*', '/orders/', false], // a wildcard stands for something
  ['/orders/*', '/orders/7/refund', false],
  ['/orders/*/refund', '/orders/7/refund', true],
  ['/orders/**', '/orders/7/refund', true],
  ['/orders/**', '/orders', true],
  ['/orders/**', '/ordersmith', false],
  ['/**', '/', true],
  ['/orders/a*', '/orders/ab', false], // a star inside a segment is a star
] as const) {
  test(`${pattern} ${want ? 'matches' : 'does not match'} ${path}`, () => {
    assert.equal(matchesPath(pattern, path), want)
  })
}

for (const [wide, narrow, want] of [
  ['/orders/*', '/orders/7', true],
  ['/orders/*', '/orders/{id}', true],
  ['/orders/7', '/orders/*', false],
  ['/orders/*', '/orders/**', false],
  ['/orders/**', '/orders/*/refund', true],
  ['/orders/**', '/orders/**', true],
  ['/orders/*/refund', '/orders/**', false],
  ['/orders/*/*', '/orders/7/**', false],
] as const) {
  test(`${wide} ${want ? 'covers' : 'does not cover'} ${narrow}`, () => {
    assert.equal(coversPattern(wide, narrow), want)
  })
}

for (const [text, want] of [
  ['/orders/**', true],
  ['/**/orders', false],
  ['orders', false],
  ['/orders?x', false],
] as const) {
  test(`${text} is ${want ? 'a' : 'no'} pattern`, () => assert.equal(isPattern(text), want))
}
