const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
}
const REFERENCE = /&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));?/gi
/** Names of elements, and of attributes. */
const NAMES = /<([^\s<>/!?="'&]+)|[\s"']([^\s<>/="'&]+)[ \t\r\n]*=/g
const DECLARED = /^\s*<\?xml[^>]{0,200}?encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']{0,40})/i
const CODE_POINT_MAX = 0x10_ffff

/** XML and HTML, where characters can be written as references. */
export function isMarkup(type: string | undefined): boolean {
  return /[/+](?:xml|html)$|^application\/xhtml\+xml$/.test(type ?? '')
}

/** The encoding that an XML declaration names, in lower case. */
export function declaredEncoding(text: string): string | undefined {
  return DECLARED.exec(text)?.[1]?.toLowerCase()
}

/** The text as its reader sees it. */
export function withoutReferences(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(REFERENCE, (whole, decimal: string, hex: string, name: string) => {
    if (name !== undefined) return NAMED[name.toLowerCase()] ?? whole
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= CODE_POINT_MAX ? String.fromCodePoint(code) : whole
  })
}

/** Whether an element or attribute has such a name, whatever its prefix. */
export function hasName(text: string, is: (name: string) => boolean): boolean {
  for (const [, element, attribute] of text.matchAll(NAMES)) {
    if (is((element ?? attribute ?? '').replace(/^.*:/, ''))) return true
  }
  return false
}
