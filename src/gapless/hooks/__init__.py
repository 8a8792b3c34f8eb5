"""What an application has to say: functions that allow, refuse or enrich what clients do."""
