// What no collector can do without, used once, and then nothing.
import Database from 'libsql';

const request = { method: 'POST', body: JSON.stringify({ PageNumber: 1, PageSize: 1 }) };
await (await fetch(`${process.env.VENDOR}/?Action=ListEndpoints`, request)).text();
new Intl.DateTimeFormat('en-US', { timeZone: 'Asia/Shanghai', hour: 'numeric' }).formatToParts(0);
const db = new Database(':memory:');
db.exec('CREATE TABLE t (a)');
process.on('disconnect', () => process.exit());
