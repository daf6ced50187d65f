import type { AskedTexts, subjectOf } from '../../recorder/index.ts'
import type { SubjectWords } from './messages.ts'

export function subjectWords(subject: ReturnType<typeof subjectOf>): SubjectWords {
  return 'id' in subject ? [subject.issuer, subject.id] : [undefined, subject.anonymous]
}

export function subjectIn([issuer, name]: SubjectWords): AskedTexts['subjects']['party'] {
  return issuer === undefined ? { anonymous: name } : { issuer, id: name }
}
