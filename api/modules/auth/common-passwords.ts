/** Passwords every guesser tries first (8 characters and more), and this product's own words. */
const common: ReadonlySet<string> = new Set(
  `password password1 password12 password123 password1234 passw0rd p@ssw0rd p@ssword 12345678 123456789 1234567890 12345678910 123123123 87654321 987654321 0987654321
11111111 111111111 00000000 000000000 88888888 99999999 66666666 55555555 22222222 33333333 44444444 77777777 12341234 11223344 1122334455 147258369 123654789 789456123
qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3r4 q1w2e3r4t5 1qaz2wsx 1qaz2wsx3edc zaq12wsx qazwsxedc asdfghjk asdfghjkl asdf1234 zxcvbnm1 zxcvbnm123
abcdefgh abcd1234 abc12345 abc123456 a1b2c3d4 aa123456 aaaaaaaa iloveyou iloveyou1 sunshine princess football baseball basketball superman batman123 spiderman starwars
trustno1 whatever computer internet welcome1 welcome123 letmein1 letmein123 changeme changeme1 changeme123 administrator admin123 admin1234 admin12345 rootroot testtest test1234 test12345
michelle jennifer jonathan alexander samantha charlotte elizabeth victoria corvette mercedes liverpool chelsea1 arsenal1 pokemon1 dragon123 monkey123 master123 shadow123 killer123 freedom1
fermata1 fermata123 fermata1234 fermatafermata temporal1 temporal123 newsletter campaign1 secret123 secretsecret default1 guest123 login123 passwort passwort1 motdepasse contrasena`.split(/\s+/),
);

/** Compared without case and surrounding space; one character repeated is common too. */
export function isCommonPassword(password: string): boolean {
  const folded = password.trim().toLowerCase();
  return common.has(folded) || /^(.)\1*$/u.test(folded);
}
