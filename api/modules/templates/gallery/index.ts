import { announcement } from './announcement.ts';
import { invitation } from './invitation.ts';
import { letter } from './letter.ts';
import { newsletter } from './newsletter.ts';
import { productUpdate } from './product-update.ts';
import { winBack } from './win-back.ts';

/** Ready-made mails to start from, in the order in which they are shown. */
export const gallery = [letter, newsletter, announcement, productUpdate, invitation, winBack] as const;
