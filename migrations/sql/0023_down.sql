drop table alert_progress, alert_deliveries, alert_log, alert_rules;
drop function tickdeck_on_alert_rule_v1();
drop function tickdeck_on_alert_v1();
