/** Plain text from HTML, for mails whose author wrote none: block ends become lines, links keep their address. */
export function textFromHtml(html: string): string {
  return html
    .replaceAll(/<(style|script|head|title)\b[\s\S]*?<\/\1\s*>/gi, '')
    .replaceAll(/<!--[\s\S]*?-->/g, '')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/<a\b[^>]*?\bhref\s*=\s*["']([^"']*)["'][^>]*>([\s\S]*?)<\/a\s*>/gi, (_, address: string, label: string) => {
      const words = label.replaceAll(/<[^>]*>/g, '').trim();
      if (words === '' || words === address) return address;
      return address.startsWith('#') || address === '' ? words : `${words} (${address})`;
    })
    .replaceAll(/<li\b[^>]*>/gi, '\n- ')
    .replaceAll(/<br\s*\/?>|<\/(p|div|h[1-6]|tr|li|ul|ol|table|blockquote)\s*>/gi, '\n')
    .replaceAll(/<[^>]*>/g, '')
    .replaceAll('&nbsp;', ' ').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&')
    .replaceAll(/[ \t]+\n/g, '\n').replaceAll(/\n[ \t]+/g, '\n').replaceAll(/\n{3,}/g, '\n\n')
    .trim();
}
