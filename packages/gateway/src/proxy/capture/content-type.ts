const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+"
/** RFC 9110, section 8.3.1. */
const MEDIA_TYPE = /^[ \t]*([a-z0-9!#$&^_.+-]{1,100}\/[a-z0-9!#$&^_.+-]{1,100})[ \t]*(?=;|$)/i
/** RFC 9110, section 5.6.6; a parameter may be missing between two semicolons. */
const PARAMETER = new RegExp(
  `[ \\t]*;[ \\t]*(?:(${TOKEN})=(?:(${TOKEN})|"((?:[^"\\\\]|\\\\[\\t -~])*)"))?[ \\t]*`,
  'y',
)

/** A charset that nobody should believe: said twice, in a form of its own, or not readable. */
export const DOUBTFUL_CHARSET = '?'

/** One value of Content-Type. */
export interface ContentType {
  /** `type/subtype` in lower case; undefined: it is none. */
  readonly type: string | undefined
  /** Lower case; undefined: it says nothing of one. */
  readonly charset: string | undefined
}

/** Readers differ in what they make of odd parameters: what could be read twice is doubtful. */
export function parseContentType(value: string): ContentType {
  const found = MEDIA_TYPE.exec(value)
  const type = found?.[1]?.toLowerCase()
  if (found === null) return { type, charset: undefined }
  const charsets: string[] = []
  PARAMETER.lastIndex = found[0].length
  for (let end = found[0].length; end < value.length; end = PARAMETER.lastIndex) {
    const [, name, token, quoted] = PARAMETER.exec(value) ?? [undefined]
    if (PARAMETER.lastIndex === 0) return { type, charset: DOUBTFUL_CHARSET }
    if (name === undefined || !/^charset\*?/i.test(name)) continue
    const said = token ?? quoted?.replace(/\\(.)/g, '$1') ?? ''
    charsets.push(name.toLowerCase() === 'charset' ? said.toLowerCase() : DOUBTFUL_CHARSET)
  }
  return { type, charset: charsets.length > 1 ? DOUBTFUL_CHARSET : charsets[0] }
}
