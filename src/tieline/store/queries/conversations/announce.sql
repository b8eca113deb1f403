insert into chat_announcement (org_id, agent_id, from_number, to_number, received_at)
select org_id, %(agent_id)s, %(from_number)s, %(to_number)s, %(now)s from organisation where org_id = %(org_id)s
