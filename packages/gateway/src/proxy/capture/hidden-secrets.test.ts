// Ways to get a secret past redaction, as somebody tried them.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bodyType } from './body-type.ts'
import { captureSchema } from './capture-config.ts'
import { Redaction } from './redaction.ts'

const IBAN = 'DE89370400440532013000'
const patterns = [
  { name: 'iban', pattern: '[A-Z]{2}[0-9]{20}' },
  { name: 'pan', pattern: '[0-9]{16}' },
]
const redaction = new Redaction(captureSchema.parse({ redact: { patterns } }).redact)

/** What is kept, or why nothing is. */
function kept(contentType: string, body: string | Uint8Array): string {
  const type = bodyType([['content-type', contentType]])
  if (!redaction.takes(type)) return 'type'
  const bytes = typeof body === 'string' ? Buffer.from(body) : body
  const redacted = redaction.redact(bytes, type)
  return 'bytes' in redacted ? Buffer.from(redacted.bytes).toString() : redacted.uncaptured
}

const wide = Buffer.from(`\ufeffIBAN ${IBAN}`, 'utf16le')
const marked = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from('<a/>')])
const XML = 'application/xml'
const FORM = 'application/x-www-form-urlencoded'
for (const [type, body, want] of [
  ['text/plain; x="; charset=utf-8"; charset=utf-16le', wide, 'charset'],
  ['text/plain; charset=utf-8; charset=utf-16le', wide, 'charset'],
  ["text/plain; charset*=utf-8''utf-16", wide, 'charset'],
  [XML, wide, 'charset'],
  [XML, marked, 'charset'],
  ['text/plain', wide.subarray(2), 'charset'],
  [XML, `<?xml version="1.0" encoding="utf-7"?><a>${IBAN}</a>`, 'charset'],
  [XML, `<?xml version="1.0" encoding="UTF-8"?><a>${IBAN}</a>`, /<a>\[redacted\]<\/a>/],
  [XML, `<i>&#68;E&#x38;${IBAN.slice(3)}</i>`, 'malformed'],
  ['text/html', `<i>&#68;E${IBAN.slice(2)}</i>`, 'malformed'],
  [XML, '<i>a &amp; b</i>', /^<i>a &amp; b<\/i>$/],
  [XML, '<x:password>hunter2</x:password>', 'type'],
  [XML, '<user api-key="hunter2"/>', 'type'],
  [XML, '<paſſword>hunter2</paſſword>', 'type'],
  ['text/json', '{"password":"hunter2"}', /^\{"password":"\[redacted\]"\}$/],
  ['application/json', '{"paſſword":"hunter2"}', /^\{"paſſword":"\[redacted\]"\}$/],
  ['application/json', '{"card":4.111111111111111e15}', /^\{"card":"\[redacted\]"\}$/],
  ['application/json', '{"n":1.50e2}', /^\{"n":1\.50e2\}$/],
  [FORM, 'a=1;password=hunter2', /^a=1;password=\[redacted\]$/],
  [FORM, 'a=1&pa%C5%BF%C5%BFword=hunter2', /^a=1&pa.*=\[redacted\]$/],
  ['multipart/form-data; boundary=x', '--x\r\n', 'type'],
] as const) {
  test(`${type} with ${String(body).slice(0, 40)}: ${want}`, () => {
    const found = kept(type, body)
    if (typeof want === 'string') assert.equal(found, want)
    else assert.match(found, want)
    assert.ok(!found.includes(IBAN) && !found.includes('hunter2'), found)
  })
}
