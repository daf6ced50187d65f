import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from './crc32c.ts'
import { readProxyHeader } from './proxy-header.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const IPV4 = 'c0000207cb007109c35001bb'
const IPV6 = `${'20010db8000000000000000000000001'.repeat(2)}c35001bb`

function v2(command: string, protocol: string, rest: string): string {
  const bytes = Buffer.from(rest, 'hex').length
  const length = bytes.toString(16).padStart(4, '0')
  return Buffer.from(`${SIGNATURE}${command}${protocol}${length}${rest}`, 'hex').toString('latin1')
}

function withChecksum(text: string, change = 0): string {
  const header = Buffer.from(text, 'latin1')
  const at = header.length - 4
  header.fill(0, at)
  header.writeUInt32BE((crc32c(header) ^ change) >>> 0, at)
  return header.toString('latin1')
}

for (const [bytes, want, name] of [
  ['PROXY TCP4 192.0.2.7 203.0.113.9 50000 443\r\nGET /', '192.0.2.7 50000', 'v1 over IPv4'],
  ['PROXY TCP6 2001:DB8::1 ::1 50000 443\r\n', '2001:db8::1 50000', 'v1 over IPv6, canonical'],
  ['PROXY TCP6 ::ffff:192.0.2.7 ::1 1 2\r\n', '192.0.2.7 1', 'v1: IPv4 in IPv6 is IPv4'],
  ['PROXY UNKNOWN\r\n', 'own', 'v1: of the proxy itself'],
  ['PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n', 'own', 'v1: unknown, whatever follows'],
  [v2('21', '11', IPV4), '192.0.2.7 50000', 'v2 over IPv4'],
  [v2('21', '21', IPV6), '2001:db8::1 50000', 'v2 over IPv6'],
  [v2('20', '00', ''), 'own', 'v2: of the proxy itself'],
  [v2('20', '11', IPV4), 'own', 'v2: local, whatever address it names'],
  [v2('21', '11', `${IPV4}04000100`), '192.0.2.7 50000', 'v2 with one part more'],
  [withChecksum(v2('21', '11', `${IPV4}03000400000000`)), '192.0.2.7 50000', 'v2 with checksum'],
] as const) {
  test(`${name}: ${want}`, () => {
    const read = readProxyHeader(Buffer.from(bytes, 'latin1'))
    assert.ok(read.kind === 'header')
    const { source } = read
    assert.equal(source === undefined ? 'own' : `${source.address} ${source.port}`, want)
  })
}

for (const [bytes, why] of [
  ['GET / HTTP/1.1\r\n', 'a request'],
  ['proxy TCP4 192.0.2.7 203.0.113.9 50000 443\r\n', 'v1 in lower case'],
  [`PROXY TCP4 192.0.2.7 203.0.113.9 50000 443\n${'x'.repeat(70)}`, 'v1 with a bare line feed'],
  ['PROXY TCP4 192.0.2.7 203.0.113.9 50000\r\n', 'v1 with a port less'],
  ['PROXY TCP4 192.0.2.7 203.0.113.9 50000 443 1\r\n', 'v1 with a field more'],
  ['PROXY TCP4  192.0.2.7 203.0.113.9 50000 443\r\n', 'v1 with two spaces'],
  ['PROXY TCP4 192.0.2.07 203.0.113.9 50000 443\r\n', 'v1 with a leading zero in an address'],
  ['PROXY TCP4 192.0.2.7 203.0.113.9 050000 443\r\n', 'v1 with a leading zero in a port'],
  ['PROXY TCP4 192.0.2.7 203.0.113.9 65536 443\r\n', 'v1 with a port that is none'],
  ['PROXY TCP4 2001:db8::1 ::1 50000 443\r\n', 'v1 with an address of another family'],
  ['PROXY TCP6 fe80::1%lo ::1 50000 443\r\n', 'v1 with a zone'],
  ['PROXY UDP4 192.0.2.7 203.0.113.9 50000 443\r\n', 'v1 of another transport'],
  ['PROXY UNKNOWNX\r\n', 'v1 with another word'],
  ['PROXY UNKNOWN \x1b[0m\r\n', 'v1 with a control byte'],
  [`PROXY UNKNOWN ${'x'.repeat(100)}`, 'v1 without an end'],
  [v2('11', '11', IPV4), 'v2 of another version'],
  [v2('22', '11', IPV4), 'v2 with an unknown command'],
  [v2('21', '12', IPV4), 'v2 of datagrams'],
  [v2('21', '31', '00'.repeat(216)), 'v2 of local sockets'],
  [v2('21', '00', ''), 'v2 without a family'],
  [v2('21', '21', IPV4), 'v2 that is too short for its family'],
  [v2('21', '11', `${IPV4}0400`), 'v2 with half a part'],
  [v2('21', '11', `${IPV4}04000500`), 'v2 with a part that is cut off'],
  [v2('21', '11', `${IPV4}${'00'.repeat(2040)}`), 'v2 that is too long'],
  [withChecksum(v2('21', '11', `${IPV4}03000400000000`), 1), 'v2 with another checksum'],
  [v2('21', '11', `${IPV4}0300020000`), 'v2 with half a checksum'],
] as const) {
  test(`malformed: ${why}`, () => {
    assert.equal(readProxyHeader(Buffer.from(bytes, 'latin1')).kind, 'malformed')
  })
}

for (const [bytes, name] of [
  ['PROXY TCP6 2001:db8::1 ::1 50000 443\r\n', 'v1'],
  [v2('21', '11', `${IPV4}04000100`), 'v2'],
] as const) {
  test(`${name} that comes byte by byte is waited for, and nothing beyond it is taken`, () => {
    const whole = Buffer.from(bytes, 'latin1')
    for (let length = 0; length < whole.length; length += 1) {
      assert.equal(readProxyHeader(whole.subarray(0, length)).kind, 'more', `${length} bytes`)
    }
    const read = readProxyHeader(Buffer.concat([whole, Buffer.from('PROXY ')]))
    assert.equal(read.kind === 'header' ? read.bytes : -1, whole.length)
  })
}

test('the checksum is CRC-32C', () => {
  assert.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
})
