import { Migration } from '@mikro-orm/migrations';
import { audience } from '../sql/audience.ts';
import { forms } from '../sql/forms.ts';
import { journeys } from '../sql/journeys.ts';
import { content, engagement, ledger } from '../sql/mail.ts';
import { platform } from '../sql/platform.ts';
import { templates } from '../sql/templates.ts';

/** The tables every organization starts with. Row widths and growth are noted where a table becomes large. */
export class Migration0001Foundation extends Migration {
  override readonly name = '0001-foundation';

  override up(): void {
    this.addSql(audience);
    this.addSql(content);
    this.addSql(forms);
    this.addSql(ledger);
    this.addSql(engagement);
    this.addSql(templates);
    this.addSql(journeys);
    this.addSql(platform);
  }
}
