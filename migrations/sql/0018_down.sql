drop schema tickdeck_known cascade;
