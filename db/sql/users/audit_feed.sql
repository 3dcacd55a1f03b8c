select tickdeck_audit_v1($1, $2, $3)
