-- The records that were tied to the contact are forgotten, so that a read that meets them starts anew.
with gone as (
    update contact set deleted_at = %(now)s, version = version + 1
    where org_id = %(org_id)s and contact_id = %(contact_id)s and merged_into is null and deleted_at is null
    returning contact_id
), links as (
    delete from link where org_id = %(org_id)s and contact_id in (select contact_id from gone)
), aliases as (
    delete from contact_alias where org_id = %(org_id)s and contact_id in (select contact_id from gone)
), activities as (
    update activity set status = 'dropped', due_at = null
    where org_id = %(org_id)s and contact_id in (select contact_id from gone) and status in ('due', 'blocked')
), issues as (
    update issue set closed_at = %(now)s, closed_because = 'the contact was deleted'
    where org_id = %(org_id)s and contact_id in (select contact_id from gone) and closed_at is null
)
select contact_id from gone
