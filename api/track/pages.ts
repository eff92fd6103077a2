/** The few pages a mail's reader sees: no scripts, no cookies, nothing from elsewhere. */
function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="robots" content="noindex"><title>${title}</title>
<style>body{font:16px/1.6 system-ui,sans-serif;max-width:32rem;margin:15vh auto;padding:0 1.5rem;color:#1c1c1c;background:#fff}h1{font-size:1.4rem}button{font:inherit;padding:.6rem 1.4rem;border:0;border-radius:.5rem;background:#1c1c1c;color:#fff;cursor:pointer}@media(prefers-color-scheme:dark){body{color:#eee;background:#161616}button{background:#eee;color:#161616}}</style></head>
<body><h1>${title}</h1>${body}</body></html>`;
}

export const pages = {
  unknownLink: page('This link leads nowhere', '<p>It is incomplete or was changed. Open it again from the mail.</p>'),
  ask: page('Unsubscribe', '<p>You will get no more of these mails.</p><form method="post"><button type="submit">Unsubscribe</button></form>'),
  done: page('You are unsubscribed', '<p>You will get no more of these mails.</p>'),
  test: page('Unsubscribe', '<p>This is the link of a test mail: it changes nothing.</p>'),
  later: page('Please try again', '<p>Something is not available at the moment. Please try again in a minute.</p>'),
} as const;
