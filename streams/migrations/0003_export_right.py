"""Which groups may export a topic; until an administrator says so, none."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("streams", "0002_topic_formats"),
    ]

    operations = [
        migrations.AddField(
            model_name="topic",
            name="exporters",
            field=models.ManyToManyField(
                blank=True,
                help_text="Groups that may export it, if they may watch it; none: superusers only.",
                related_name="exported_topic_set",
                to="auth.group",
            ),
        ),
    ]
