/** Names of elements, and of attributes. */
const NAMES = /<([^\s<>/!?="'&]+)|[\s"']([^\s<>/="'&]+)[ \t\r\n]*=/g
const DECLARED = /^\s*<\?xml[^>]{0,200}?encoding[ \t\r\n]*=[ \t\r\n]*["']([^"']{0,40})/i

/** XML and HTML, where characters can be written as references. */
export function isMarkup(type: string | undefined): boolean {
  return /[/+](?:xml|html)$|^application\/xhtml\+xml$/.test(type ?? '')
}

/** The encoding that an XML declaration names, in lower case. */
export function declaredEncoding(text: string): string | undefined {
  return DECLARED.exec(text)?.[1]?.toLowerCase()
}

/** Whether an element or attribute has such a name, whatever its prefix. */
export function hasName(text: string, is: (name: string) => boolean): boolean {
  for (const [, element, attribute] of text.matchAll(NAMES)) {
    if (is((element ?? attribute ?? '').replace(/^.*:/, ''))) return true
  }
  return false
}
