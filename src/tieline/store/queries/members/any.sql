select exists (select from member where deleted_at is null) as found
